from dataclasses import dataclass, field

from pydantic import BaseModel

from zen.secrets import Secret


@dataclass(frozen=True, kw_only=True)
class FolderConfig:
    folder: str = field(default="frozen", metadata={"help": "Where the objects are, in the folder for local state"})


class AlerterConfig(BaseModel):
    token: Secret
    channel: str = "#frozen"
