"""For jobs that are over before anybody scrapes them: a file, or a push."""
