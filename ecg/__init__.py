"""ECG: captions that show who speaks, when each word is spoken and how it is said."""

__version__ = "0.1.0"
