"""The names that generated training scripts have a meaning for."""

import re

from netspec.catalogue.metric import METRICS

# No net and no value of a step is called so.
SCRIPT = frozenset(
    """
    Any asdict average average_gradients AveragedModel bad bar batch batches BatchSampler best
    buffer catch_warnings cfg CheckpointException closure code columns compute_loss
    compute_samples Config count csv data dataclass DataLoader Dataset datasets device dist
    DistributedDataParallel DistributedSampler done draw_samples ema end epoch error
    evaluate f F figures file files filterwarnings find_shards fits fnmatch folders found
    fully_shard get_model_state_dict get_optimizer_state_dict grad_norm grid group groups
    HuggingFaceStorageReader HuggingFaceStorageWriter Image init_device_mesh islice Iterator
    least left lines list_shards load_data load_dataset load_file load_shards load_val_data
    loader losses lost make_loaders make_nets math matrices mean name nn norm np numbered old
    optimizers options os out own part parts Path Pictures pictures pin random_crop random_flip
    rank remove_shards rest resume row rows Rows SafetensorError sampler Samples samples save
    save_grid save_model save_shards scale Sequence shard shard_net shown source split state
    state_dict_loader state_dict_saver StateDictOptions step steps_per_epoch Subset
    SummaryWriter sums swa sys table Tensor TensorDataset text topics torch tqdm train transform
    transforms tyro update_bn v2 val_batches val_data val_loader value vectors wanted weights
    whole whole_state why window world writer
    """.split()  # noqa: SIM905 - a list of so many would fill the page
)
# What a script makes for each of its steps, optimisers and groups.
_MADE = re.compile(
    r"(\w+_)?(optimizer|scheduler|before|after|scaler|lr|params|groups|loss)\d*|group\d*"
    r"|compute_\w+_loss"
)
# Attributes of `nn.ModuleDict` that other modules lack: it cannot hold a module of that name.
OF_DICT = frozenset(("clear", "items", "keys", "pop", "update", "values"))


def script_problem(name: str) -> str | None:
    """Why no module of a training script can be called `name`; None if it can."""
    if name in SCRIPT or _is_figure(name) or _MADE.fullmatch(name):
        return f"`{name}` has a meaning of its own in the training script"
    if name in OF_DICT:
        return f"`{name}` is an attribute of `nn.ModuleDict`, which holds what is trained"
    return None


def _is_figure(name: str) -> bool:
    """Whether a metric, alone or of one of several outputs, may be called so."""
    return any(name == metric or name.startswith(f"{metric}_") for metric in METRICS)
