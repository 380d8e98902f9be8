"""Answers requests with a trained model. Replace the body with your own."""


def init():
    """Loads the model once."""


def run(request):
    """Answers one request."""
    return {"echo": request}
