"""What is deployed: the compose file, the Kubernetes resources, the Alertmanager example."""
