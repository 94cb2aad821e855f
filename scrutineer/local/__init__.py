"""The whole of Scrutineer on one machine, without AWS and without Docker, driven by the translated `template.yaml`."""
