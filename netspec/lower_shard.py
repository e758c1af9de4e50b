"""Write what a training script does where its net is spread over all processes."""

import re

from netspec.graph import Net
from netspec.script_plan import STATE, ScriptPlan
from netspec.write import write_literal

_IN_LIST = re.compile(r"(.*?)\.(\d+)(?:\.|$)")  # "h" and "0" of "h.0.norm"
# What its functions are made of, by module.
SHARD_IMPORTS = (
    ("torch.distributed.checkpoint", "state_dict_loader"),
    ("torch.distributed.checkpoint", "state_dict_saver"),
    ("torch.distributed.checkpoint.api", "CheckpointException"),
    ("torch.distributed.checkpoint.hf_storage", "HuggingFaceStorageReader"),
    ("torch.distributed.checkpoint.hf_storage", "HuggingFaceStorageWriter"),
    ("torch.distributed.checkpoint.state_dict", "StateDictOptions"),
    ("torch.distributed.checkpoint.state_dict", "get_model_state_dict"),
    ("torch.distributed.checkpoint.state_dict", "get_optimizer_state_dict"),
    ("torch.distributed.device_mesh", "init_device_mesh"),
    ("torch.distributed.fsdp", "fully_shard"),
)


def unit_lines(plan: ScriptPlan) -> list[str]:
    """The lines that spread the net: block by block where it has some, then what is left."""
    lines: list[str] = []
    for container in block_lists(plan.training.nets[0].net):
        lines += [
            f"for block in model.get_submodule({write_literal(container)}).children():",
            "    fully_shard(block, mesh=mesh)",
        ]
    return [*lines, "fully_shard(model, mesh=mesh, reshard_after_forward=True)"]


def block_lists(net: Net) -> list[str]:
    """The lists of blocks in a net, by their dotted names; a list in a block goes with the block.

    None is among them that shares a tied parameter with what is outside of a block of it.
    """
    found = dict.fromkeys(place[0] for name in net.layers if (place := _place(name)))
    torn = [pair for pair in net.ties.items() if _place(pair[0]) != _place(pair[1])]
    tied = {place[0] for pair in torn for name in pair if (place := _place(name))}
    return [name for name in found if name not in tied]


def _place(name: str) -> tuple[str, str] | None:
    """The outermost list that something is in, and its number there; None where there is none."""
    match = _IN_LIST.match(name)
    return (match[1], match[2]) if match else None


def spread_lines(plan: ScriptPlan) -> list[str]:
    """The lines that spread the net where there are several processes."""
    (item,) = plan.training.nets
    return ["if world > 1:", f"    shard_net({item.name}, device)"]


def shared_lines(plan: ScriptPlan) -> list[str]:
    """What all processes save together at the end of an epoch.

    The best weights are gathered in the first one; where nothing is measured, those of each epoch.
    """
    (item,) = plan.training.nets
    options = "StateDictOptions(full_state_dict=True, cpu_offload=True)"
    name = "best.pt" if plan.training.validates else "last.pt"
    gathered = [
        f"whole_state = {options}",
        f"weights = get_model_state_dict({item.name}, options=whole_state)",
        "if rank == 0:",
        f'    save(weights, out / "{name}")',
    ]
    if plan.training.validates:
        gathered = [plan.asks_best(), *(f"    {line}" for line in gathered)]
    folder = 'out / f"epoch{epoch + 1:08}"'
    return [
        *gathered,
        STATE,
        f"save_shards({item.name}, optimizers, state, {folder})",
    ]


def old_shards(plan: ScriptPlan) -> list[str]:
    """The lines that remove the checkpoints before the last one, but for those that are kept."""
    if not plan.settings.save_every:
        return ["for old in find_shards(out)[:-1]:", "    remove_shards(old)"]
    last = "-cfg.keep :" if plan.settings.keep else ""
    return [
        "folders = find_shards(out)",
        "numbered = [f for f in folders if int(f.name[5:]) % cfg.save_every == 0]",
        f"for old in {{*folders[:-1]}}.difference(numbered{f'[{last}]' if last else ''}):",
        "    remove_shards(old)",
    ]
