"""The browser: opens the caption player in Chromium and takes its frames out."""
