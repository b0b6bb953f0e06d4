"""Documents read on this machine, as Markdown by page, sheet, slide or chapter."""
