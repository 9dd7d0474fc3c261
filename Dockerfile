# A server of runs. Nothing is fetched by the build but its base, so it works offline once that is
# there and the wheels have been collected (on a machine with the same system and Python):
#
#   pip wheel --constraint constraints.txt --wheel-dir wheels '.[jobs,serve]'
#   docker build --network none --tag unrolled .
#   docker run --read-only --tmpfs /tmp --volume "$PWD/runs:/runs:ro" --publish 127.0.0.1:8000:8000 \
#     --env UNROLLED_TOKEN unrolled /runs/reviews-1
FROM python:3.13-slim
RUN --mount=type=bind,source=wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels 'unrolled[jobs,serve]' \
    && useradd --create-home --uid 10001 unrolled
USER unrolled
# Compiled kernels; a volume here makes the next start faster.
ENV UNROLLED_CACHE=/tmp/unrolled
EXPOSE 8000
HEALTHCHECK --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')"]
ENTRYPOINT ["unrolled", "serve", "--host", "0.0.0.0"]
