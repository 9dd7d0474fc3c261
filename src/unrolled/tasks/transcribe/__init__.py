"""Transcription. In: recordings of speech. Out: text. See `transcriber`."""
