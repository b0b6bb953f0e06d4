"""Documents of fixed pages beside PDF: OFD and CAJ, which become a PDF, and XPS."""
