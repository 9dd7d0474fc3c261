"""Classification and regression of texts and series. See `classifier`, `regressor`."""
