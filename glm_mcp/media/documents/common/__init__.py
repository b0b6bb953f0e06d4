"""What several formats have: drop-downs, lines at the head and the foot of a page."""
