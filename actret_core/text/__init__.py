"""Retrieval by a phrase (JPoSE): captions, their parts of speech, and one space for words and images."""
