"""What forewarn costs, measured beside vmagent, Prometheus and the usual way of writing an exporter."""
