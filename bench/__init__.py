"""One module per claim about speed or memory; each prints one JSON line. Run them by `script/bench NAME`."""
