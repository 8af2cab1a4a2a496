"""WHERE a request may go: documents, the OPA client and its supervised process, bundles."""
