"""The shortest flow there is: makes the folders that the timed runs start from."""

from metaflow import FlowSpec, step


class OneStep(FlowSpec):
    @step
    def start(self):
        self.greeting = "hello"
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    OneStep()
