"""The object store as everybody sees it who keeps customers' pictures: what is stored again is no longer about to be erased."""

from adapters.postgres.retention import PostgresClaims
from adapters.r2 import R2Store, StoredObject
from models.generation import ANSWER_FOLDER


class ClaimingStore:
    """Keeps pictures in the bucket; the ports `activities.ports.AssetStore` and `api.pictures.PictureStore`."""

    def __init__(self, store: R2Store, claims: PostgresClaims) -> None:
        self._store = store
        self._claims = claims
        self.get = store.get
        self.exists = store.exists
        self.probe = store.probe

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        """Store the bytes, unless they are there to stay. Raises as `R2Store.put`; `ProviderUnavailable` without database.

        The AI's answers are nobody's to claim: no row names them, and one that was paid for is kept whether there is a database
        or not.
        """
        if not key.startswith(f"{ANSWER_FOLDER}/"):
            await self._claims.claim(key)
        await self._store.put(key, data, media_type=media_type)

    async def stream(self, key: str) -> StoredObject:
        """Begin to read an object. Raises `NotThere`."""
        return await self._store.stream(key)
