"""The names that generated training scripts have a meaning for."""

# No net and no value of a step is called so.
SCRIPT = frozenset(
    """
    Any argparse average_gradients AveragedModel bar batch BatchSampler best cfg code Config csv
    curve data DataLoader Dataset datasets device dist DistributedDataParallel
    DistributedSampler ema epoch error evaluate F f fields file files flag found group groups
    Image Iterator kind least load_data load_dataset load_val_data loader losses main math mean
    minimum name nn np os out parser part parts Path Pictures pin random_crop random_flip rank
    rest row Rows rows sampler Samples save Sequence split state step sums swa sys table
    TensorDataset text topics torch tqdm train transform transforms v2 val_data val_loader
    window world writer
    """.split()  # noqa: SIM905 - a list of so many would fill the page
)
