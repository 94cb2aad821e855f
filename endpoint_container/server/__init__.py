"""SageMaker's routes around one loaded model."""
