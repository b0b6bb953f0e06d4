"""Files that hold other files: Outlook's messages and zip archives."""
