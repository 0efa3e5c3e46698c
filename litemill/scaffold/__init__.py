"""A project made from a model and its data: what `init --model` finds, assumes, writes."""
