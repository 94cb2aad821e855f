"""Brings a model's archive from S3 to where the server expects its files, as SageMaker would."""
