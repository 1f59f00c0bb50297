# Both packages with everything that `make install` brings, on the CPU or on a GPU, and what CI runs:
#   docker build --target cpu --tag avs-toolkit .
#   docker build --target gpu --tag avs-toolkit:gpu .    # then: docker run --gpus all …
#   docker build --target ci .                           # lint and every test
# torch comes from PyPI, with CUDA on Linux. For a small image without it, give the page of CPU
# builds that PyTorch's site names: --build-arg PIP_EXTRA_INDEX_URL=…
FROM python:3.11-slim-bookworm AS system
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ffmpeg make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /toolkit
COPY . .

FROM system AS ci
RUN bash .ci/run

FROM system AS cpu
ARG PIP_EXTRA_INDEX_URL=""
RUN make install
ENV PATH=/toolkit/.venv/bin:$PATH
WORKDIR /data
CMD ["avs-bench", "--help"]

FROM system AS gpu
RUN make install
ENV PATH=/toolkit/.venv/bin:$PATH
ENV NVIDIA_VISIBLE_DEVICES=all
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /data
CMD ["avs-bench", "--help"]
