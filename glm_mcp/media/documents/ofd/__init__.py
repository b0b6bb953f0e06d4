"""OFD, the fixed pages of Chinese invoices and official papers, turned into a PDF and read as one."""
