"""Training: one folder a task, and what they share in `common`. Never imported by the service.

A folder has these files, as far as the thing exists:

recipe     what decides the model, but the data: options, each with a comment
data       reads and splits the data
network    the torch network and its ONNX graph
fit        how one network is fitted: batches, loss, validation
train      from data to a published version: the order of things
served     asks a published version as a client does
evaluate   scores a published version next to baselines
baselines  what a network is compared with
scores     what a prediction is worth
reports    the figures of an evaluation as JSON and as tables
card       the model card
"""
