"""Worker processes: started, fed, replaced, ended."""
