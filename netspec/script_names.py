"""The names that generated training scripts have a meaning for."""

# No net and no value of a step is called so.
SCRIPT = frozenset(
    """
    Any argparse arguments asdict average average_gradients AveragedModel bar batch batches
    BatchSampler best buffer cfg closure code compute_loss Config count csv curve data dataclass
    DataLoader Dataset datasets device dist DistributedDataParallel DistributedSampler draft ema
    epoch error evaluate F f fields figures file files fits flag fnmatch found group groups Image
    is_bool islice Iterator kind kinds least lines load_data load_dataset load_file load_val_data
    loader losses main make_loaders make_nets math mean minimum name nn np old os out own
    parse_config parser part parts Path Pictures pin random_crop random_flip rank rest row Rows
    rows sampler Samples save save_model scale Sequence shard source split state step
    steps_per_epoch SummaryWriter sums swa sys table Tensor TensorDataset text topics torch tqdm
    train transform transforms update_bn v2 val_batches val_data val_loader value vectors weights
    whole window world writer
    """.split()  # noqa: SIM905 - a list of so many would fill the page
)
