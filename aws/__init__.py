"""The gateways: one module per AWS service, each call translated to our names and errors. They decide nothing."""
