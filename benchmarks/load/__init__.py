"""Unroll under load, beside services by hand and a batcher that pads: `python -m benchmarks.load`.

corpus and networks say what is asked, services who answers, client who asks; closed, overload,
policies and soak are the experiments, report is what is left of them.
"""
