"""The names that generated training scripts have a meaning for."""

# Names that the script has a meaning for, so that no net or value is called so.
SCRIPT = frozenset(
    """
    Any AveragedModel BatchSampler Config DataLoader DistributedDataParallel DistributedSampler F
    Iterator Path Sequence TensorDataset argparse average_gradients bar batch best cfg code curve
    data device dist ema epoch error evaluate f fields file files flag found group groups kind
    least loader load_data losses main math mean minimum name nn np os out parser part parts pin rank rest row rows
    sampler save split state step sums swa sys table text torch tqdm train val_data val_loader window world
    writer
    Dataset Image Pictures Rows Samples csv datasets load_dataset load_val_data random_crop random_flip
    topics transform transforms v2
    """.split()
)
