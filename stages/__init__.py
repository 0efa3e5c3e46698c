"""The pipeline: one thin module a stage. dvc.yaml says when each runs; they are yours to change."""
