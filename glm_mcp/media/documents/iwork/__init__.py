"""The files of Pages, Numbers and Keynote since 2013."""
