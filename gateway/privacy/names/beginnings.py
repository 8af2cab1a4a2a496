"""Words with a capital that are nobody where they stand: at the beginning of a sentence, behind an article.

The lexicon has counted English, German and Spanish words; of French and Italian ones it knows names and places alone.
"""

from __future__ import annotations

BEGINNERS = frozenset(  # with which sentences begin in French and Italian
    "attorno assieme talora vengono esistono essa esso essi esse nello nella nelle negli nei dello della morì eletto "
    "eletta situato situata bagnato nativo nativa località sopra sotto inoltre infine infatti tuttavia dopo prima "
    "durante secondo oltre entrambi entrambe alcuni alcune molti molte nonostante sebbene mentre quando dove ove fino "
    "sino presso verso contro accanto altrettanto altri altre altra altro tale tali tutti tutte tutto tutta ogni "
    "qualche questo questa questi queste quello quella quelli quelle successivamente attualmente originariamente "
    "inizialmente costituito costituita dedicato dedicata nasce nacque muore sposò divenne fu furono venne viene vi "
    "era erano sono située situé originaire cependant toutefois ensuite enfin ainsi aussi malgré selon avant après "
    "depuis pendant lors lorsque quand où celle celui ceux celles cette ces chaque plusieurs quelques certains "
    "certaines toute toutes née parmi outre hormis jusqu nomenclature désignation quantité indice repère gamme matière "
    "distinta descrizione quantità revisione disegno".split()
)
RANKS = frozenset(  # names, too, but not behind an article: ``the Earl visited``
    "earl duke baron king prince knight sheriff tsar czar sultan count countess duchess baroness bishop graf herzog "
    "könig prinz kaiser conte duca barone principe doge roi duc comte rey duque conde".split()
)
