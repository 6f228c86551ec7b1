"""What each step does, on local files: no database, no broker. Engine, browser and paths are handed in."""
