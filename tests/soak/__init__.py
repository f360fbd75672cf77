"""The sidecar for half an hour at fast polling: does it stay as small as it was?"""
