"""Sound and pictures: the only package that starts ffmpeg and ffprobe."""
