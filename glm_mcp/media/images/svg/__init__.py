"""SVG into pixels: the tree cleaned, its CSS resolved, the fonts chosen, drawn."""
