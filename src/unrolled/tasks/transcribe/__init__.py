"""Transcription: recordings of speech in, text out. See `transcriber`."""
