"""MLflow as experiment tracker of zen."""
