"""Sound in, transcript out: speech engines, speakers, prosody, and the merge of the three."""
