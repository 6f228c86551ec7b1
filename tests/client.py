"""A person at the REST API, as tests play him."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests


class Client:
    """Signed up at once; every call raises on an HTTP error unless the test asks for the response."""

    def __init__(self, url: str) -> None:
        self.url, self.http = url, requests.Session()
        self.email = f"{uuid.uuid4()}@example.org"
        account = self.post("/api/auth/signup", email=self.email, password="correct horse").json()
        self.http.headers["Authorization"] = f"Bearer {account['access_token']}"

    def get(self, path: str, **query: Any) -> requests.Response:
        return self._checked(self.http.get(urljoin(self.url, path), params=query, timeout=30))

    def post(self, path: str, **body: Any) -> requests.Response:
        return self._checked(self.http.post(urljoin(self.url, path), json=body, timeout=30))

    def try_post(self, path: str, **body: Any) -> requests.Response:
        return self.http.post(urljoin(self.url, path), json=body, timeout=30)

    @staticmethod
    def _checked(response: requests.Response) -> requests.Response:
        assert response.ok, (
            f"{response.request.method} {response.url}: {response.status_code} {response.text}"
        )
        return response

    def upload(self, path: Path, filename: str | None = None) -> str:
        """Upload a file by its signed link; the video's id."""
        made = self.post("/api/uploads", filename=filename or path.name, size_bytes=path.stat().st_size,
                         content_type="video/mp4").json()  # fmt: skip
        link = made["upload"]
        with path.open("rb") as data:
            put = requests.request(link["method"], urljoin(self.url, link["url"]), data=data,
                                   headers=link["headers"], timeout=60)  # fmt: skip
        self._checked(put)
        self.post(f"/api/uploads/{made['video_id']}/complete")
        return made["video_id"]

    def analyze(self, video_id: str, **params: Any) -> str:
        return self.post(f"/api/videos/{video_id}/analyze", **params).json()["job_id"]

    def render(self, video_id: str, **params: Any) -> str:
        return self.post("/api/render/create", videoId=video_id, **params).json()["jobId"]

    def job(self, job_id: str) -> dict[str, Any]:
        return self.get(f"/api/jobs/{job_id}").json()

    def wait(self, job_id: str, timeout_s: float = 180) -> dict[str, Any]:
        """The job once it has ended, however it has."""
        deadline = time.monotonic() + timeout_s
        while True:
            job = self.job(job_id)
            if job["status"] in {"done", "failed", "cancelled"}:
                return job
            assert time.monotonic() < deadline, f"still {job['status']} after {timeout_s} s: {job}"
            time.sleep(0.3)

    def wait_for_step(self, job_id: str, name: str, status: str = "running", timeout_s: float = 120) -> None:
        """Until a step of the job is in a state."""
        deadline = time.monotonic() + timeout_s
        while not any(s["name"] == name and s["status"] == status for s in self.job(job_id)["steps"]):
            assert time.monotonic() < deadline, f"{name} never became {status}: {self.job(job_id)}"
            time.sleep(0.05)

    def done(self, job_id: str, timeout_s: float = 180) -> dict[str, Any]:
        job = self.wait(job_id, timeout_s)
        assert job["status"] == "done", job
        return job

    def download(self, job_id: str, to: Path) -> Path:
        """The video of a finished render."""
        link = urljoin(self.url, self.job(job_id)["download_url"])
        with requests.get(link, stream=True, timeout=60) as response:
            self._checked(response)
            to.write_bytes(response.content)
        return to
