"""The errors for a user's mistake. Every message names the file or the field, and says what to do."""


class ActretError(ValueError):
    """Base of all errors that this package raises on purpose."""


class DataError(ActretError):
    """A data set on disk is missing, incomplete or malformed."""


class DataWarning(UserWarning):
    """A data set was read, but not all of it is as it should be: how many of what, the first names, and what is done."""


class DownloadError(ActretError):
    """A download failed or arrived damaged; running it again continues it."""


class ProposalError(ActretError):
    """A proposals file is malformed or was made for other images."""


class ConfigError(ActretError):
    """A config has an unknown key or an invalid value."""


class CheckpointError(ActretError):
    """Weights or a checkpoint do not fit the model."""


class TextError(ActretError):
    """A caption or a query cannot be read, or names an unknown class."""


class EmbeddingError(ActretError):
    """Embeddings, labels and ids do not fit together or are not finite."""
