"""A small server that speaks the calls of the Hugging Face Hub that huggingface_hub makes."""

import base64
import contextlib
import dataclasses
import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import re
import threading
import urllib.parse

TOKEN = 'hf_right'
_MODEL = re.compile(r'/api/models/([^/]+/[^/]+)(?:/(revision|tree|preupload|commit)/([^/]+))?')
_FILE = re.compile(r'/([^/]+/[^/]+)/resolve/([^/]+)/(.+)')


@dataclasses.dataclass
class Repository:
  """Files by path, for each commit; the last commit is the newest one."""

  private: bool = False
  commits: dict[str, dict[str, bytes]] = dataclasses.field(default_factory=dict)

  def commit(self, content):
    """Adds a commit with these files, and returns its name."""
    number = f'{len(self.commits)} {sorted(content)}'
    name = hashlib.sha1(number.encode()).hexdigest()
    self.commits[name] = content
    return name

  def resolve(self, revision):
    """The full name of a commit; None if there is none."""
    newest = list(self.commits)[-1] if self.commits else '0' * 40
    return newest if revision == 'main' else revision if revision in self.commits else None


class Hub(ThreadingHTTPServer):
  """The repositories by name. Files in `cut` lose their last byte on the way."""

  def __init__(self):
    super().__init__(('127.0.0.1', 0), _Handler)
    self.repositories: dict[str, Repository] = {}
    self.cut: set[str] = set()
    self.asked: list[str] = []

  @property
  def endpoint(self):
    """The value of HF_ENDPOINT."""
    return f'http://127.0.0.1:{self.server_address[1]}'


@contextlib.contextmanager
def running():
  """Yields a server that answers."""
  with Hub() as hub:
    thread = threading.Thread(target=hub.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True)
    thread.start()
    yield hub
    hub.shutdown()


class _Handler(BaseHTTPRequestHandler):
  server: Hub
  protocol_version = 'HTTP/1.1'

  def log_message(self, format, *args):
    pass

  def do_GET(self):
    self._answer()

  def do_HEAD(self):
    self._answer()

  def do_POST(self):
    self._answer()

  def _answer(self):
    self._body = self.rfile.read(int(self.headers.get('content-length', 0)))
    path = urllib.parse.unquote(urllib.parse.urlparse(self.path).path)
    self.server.asked.append(f'{self.command} {path}')
    given = self.headers.get('authorization')
    if given not in (None, f'Bearer {TOKEN}'):
      return self._send(401, b'{}', message='Invalid credentials in Authorization header')
    if self.command == 'POST' and given is None:
      return self._send(401, b'{}', message='Not logged in')
    if path == '/api/validate-yaml':
      return self._json({'errors': [], 'warnings': []})
    if path == '/api/repos/create':
      return self._create(json.loads(self._body))
    match = _MODEL.fullmatch(path) or _FILE.fullmatch(path)
    repository = self.server.repositories.get(match[1]) if match else None
    if repository is None or (repository.private and given is None):
      return self._send(404 if given else 401, b'{}', code='RepoNotFound')
    if match.re is _FILE:
      return self._file(repository, match[2], match[3])
    call, revision = match[2], match[3] or 'main'
    if call == 'commit':
      return self._commit(repository, match[1])
    if call == 'preupload':
      return self._preupload(json.loads(self._body))
    commit = repository.resolve(revision)
    if commit is None:
      return self._send(404, b'{}', code='RevisionNotFound')
    content = repository.commits.get(commit, {})
    if call == 'tree':
      found = [
        {'type': 'file', 'path': name, 'size': len(data), 'oid': commit}
        for name, data in content.items()
      ]
      return self._json(found)
    siblings = [{'rfilename': name, 'size': len(data)} for name, data in content.items()]
    facts = {'id': match[1], 'sha': commit, 'private': repository.private, 'siblings': siblings}
    return self._json(facts)

  def _create(self, asked):
    name = f'{asked["organization"]}/{asked["name"]}'
    private = asked.get('private', asked.get('visibility') == 'private')
    if name in self.server.repositories:
      return self._json({'url': f'{self.server.endpoint}/{name}'}, 409)
    self.server.repositories[name] = Repository(private)
    return self._json({'url': f'{self.server.endpoint}/{name}', 'id': name})

  def _preupload(self, asked):
    modes = {'uploadMode': 'regular', 'shouldIgnore': False}
    return self._json({'files': [{'path': file['path'], **modes} for file in asked['files']]})

  def _commit(self, repository, name):
    newest = repository.commits.get(repository.resolve('main'), {})
    content = dict(newest)
    for line in self._body.splitlines():
      entry = json.loads(line)
      if entry['key'] == 'file':
        content[entry['value']['path']] = base64.b64decode(entry['value']['content'])
      if entry['key'] == 'deletedFile':
        del content[entry['value']['path']]
    commit = repository.commit(content)
    url = f'{self.server.endpoint}/{name}/commit/{commit}'
    return self._json({'commitUrl': url, 'commitOid': commit})

  def _file(self, repository, revision, path):
    commit = repository.resolve(revision)
    data = repository.commits.get(commit, {}).get(path)
    if data is None:
      return self._send(404, b'', code='EntryNotFound')
    digest = hashlib.sha256(data).hexdigest()
    if self.command == 'GET' and path in self.server.cut:
      data = data[:-1]
    return self._send(200, data, 'application/octet-stream', etag=digest, commit=commit)

  def _json(self, content, status=200):
    self._send(status, json.dumps(content).encode())

  def _send(self, status, data, kind='application/json', **facts):
    names = {
      'code': 'X-Error-Code',
      'message': 'X-Error-Message',
      'etag': 'ETag',
      'commit': 'X-Repo-Commit',
    }
    self.send_response(status)
    for name, value in facts.items():
      self.send_header(names[name], f'"{value}"' if name == 'etag' else value)
    self.send_header('Content-Type', kind)
    self.send_header('Content-Length', str(len(data)))
    self.end_headers()
    if self.command != 'HEAD':
      self.wfile.write(data)
