"""Documents of fixed pages beside PDF: OFD and CAJ, which become a PDF, XPS, and receipts as they are laid out."""
