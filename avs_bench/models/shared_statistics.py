"""BatchNorm over the batch of all processes, so that splitting a batch changes nothing."""

from collections.abc import Callable

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def share_statistics(model: nn.Module, device: torch.device) -> nn.Module:
    """Return the model with BatchNorms whose statistics are those of all processes together.

    Parameters and buffers stay the same objects under the same names. PyTorch's SyncBatchNorm
    serves a GPU and refuses a CPU, where `AllReducedBatchNorm` does the same.
    """
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, _BatchNorm):
                setattr(module, name, AllReducedBatchNorm.like(child))
    return model


class AllReducedBatchNorm(_BatchNorm):
    """BatchNorm over [N, C, …] whose mean and variance are taken over all processes.

    Forward and backward are those of one process with the whole batch, up to rounding.
    """

    @classmethod
    def like(cls, norm: _BatchNorm) -> "AllReducedBatchNorm":
        """Return one with the parameters, buffers and settings of `norm`."""
        ours = cls(
            norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
        )
        ours._parameters, ours._buffers = norm._parameters, norm._buffers
        ours.train(norm.training)
        return ours

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        across = [0, *range(2, x.ndim)]
        values = x.float() if x.dtype.itemsize < 4 else x  # 16 bits are too few to sum in
        here = x.numel() // x.shape[1]
        sums = _summed(torch.cat([values.sum(across), values.new_tensor([here])]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        shape = [1, -1] + [1] * (x.ndim - 2)
        centred = values - mean.view(shape)
        variance = _summed(centred.square().sum(across)) / count
        self._track(mean.detach(), variance.detach(), count)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(shape) + self.bias.view(shape)).to(x.dtype)

    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        counted, mean_so_far, variance_so_far = (
            self.num_batches_tracked,
            self.running_mean,
            self.running_var,
        )
        assert counted is not None
        assert mean_so_far is not None
        assert variance_so_far is not None
        assert self.momentum is not None
        counted.add_(1)
        mean_so_far.lerp_(mean, self.momentum)
        variance_so_far.lerp_(variance * (count / (count - 1)), self.momentum)

    def _check_input_dim(self, x: Tensor) -> None:
        """Take any number of dimensions."""


class _SumOverProcesses(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs, each loss being a part."""

    @staticmethod
    def forward(_: object, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: object, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


_summed: Callable[[Tensor], Tensor] = _SumOverProcesses.apply
