"""Three steps that keep a list and a dictionary of numbers."""

from metaflow import FlowSpec, step


class ThreeSteps(FlowSpec):
    @step
    def start(self):
        self.values = [number / 10 for number in range(100)]
        self.next(self.fit)

    @step
    def fit(self):
        center = sum(self.values) / len(self.values)
        self.model = {"center": center, "spread": max(abs(value - center) for value in self.values)}
        self.next(self.end)

    @step
    def end(self):
        self.score = self.model["center"] / self.model["spread"]


if __name__ == "__main__":
    ThreeSteps()
