"""What web pages need before they can be written as Markdown: formulas, layout tables, forms; and feeds."""
