"""People of history who are known by one name, as English, German, French, Italian and Spanish write it.

Nothing in such a name's form says that it is one, the lexicon counts the living, and the classifier was taught to leave
the famous out. A list is what is left: philosophers, rulers, painters, composers, scientists, saints and the like.
Nobody is in it whose name is a unit, a method, a firm, a usual given name or a large town in today's texts (Newton,
Pascal, Otto, Ford, Leonardo, Washington); those are left to the tagger.

Example: ``Platone`` in ``secondo Platone`` is somebody; ``Mozart`` in ``Mozart-Platz`` is not.
"""

from __future__ import annotations

_ANTIQUITY = """
Plato Platon Platone Platón Sokrates Socrate Aristotle Aristoteles Aristotele Aristóteles Thales Thalès Talete
Anaximander Anassimandro Anaximandre Anaximandro Anaximenes Heraclitus Heraklit Héraclite Eraclito Heráclito
Parmenides Parménide Parmenide Parménides Empedocles Empedokles Empedocle Empédocle Empédocles Anaxagoras Anassagora
Democritus Demokrit Démocrite Democrito Demócrito Protagoras Epicurus Epikur Épicure Epicuro Zenon Zenone Zenón
Diogenes Diogène Diogene Diógenes Pythagoras Pythagore Pitagora Pitágoras Euclid Euklid Euclide Euclides Archimedes
Archimède Archimede Arquímedes Eratosthenes Eratostene Ératosthène Eratóstenes Hipparchus Ipparco Hipparque Hiparco
Aristarchus Aristarchos Aristarco Aristarque Ptolemy Ptolemäus Ptolémée Tolomeo Ptolomeo Hippocrates Hippokrates
Hippocrate Ippocrate Hipócrates Galen Galien Galeno Herodotus Herodot Hérodote Erodoto Heródoto Thucydides
Thukydides Thucydide Tucidide Tucídides Xenophon Xénophon Senofonte Jenofonte Polybius Polybios Polybe Polibio
Plutarch Plutarque Plutarco Strabo Strabon Strabone Estrabón Diodorus Diodor Diodoro Pausanias Pausania Homère Omero
Hesiod Hésiode Esiodo Hesíodo Sappho Saffo Safo Pindar Pindare Pindaro Píndaro Aeschylus Aischylos Eschyle Eschilo
Esquilo Sophocles Sophokles Sophocle Sofocle Sófocles Euripides Euripide Eurípides Aristophanes Aristophane
Aristofane Aristófanes Menandro Aesop Äsop Ésope Esopo Pericles Perikles Périclès Pericle Themistocles Themistokles
Temistocle Temístocles Leonida Alcibiades Alkibiades Alcibiade Alcibíades Demosthenes Démosthène Demostene
Demóstenes Lysander Solone Phidias Fidia Fidias Praxiteles Prassitele Vitruvius Vitruv Vitruve Vitruvio Virgil
Vergil Virgile Ovid Ovide Lucretius Lukrez Catullus Catull Catulle Catullo Cicero Cicéron Cicerone Cicerón Séneca
Sénèque Tacitus Tacite Tacito Tácito Livy Suetonius Sueton Suétone Svetonio Suetonio Sallust Salluste Sallustio
Salustio Juvenal Juvénal Giovenale Marziale Plautus Plaute Plauto Terenz Térence Terenzio Quintilian Quintiliano
Aníbal Caesar Cäsar Octavien Tibère Caligula Néron Nerone Nerón Vespasian Vespasien Vespasiano Domitian Domitien
Domiziano Domiciano Trajan Traiano Trajano Hadrian Caracalla Diocletian Diokletian Dioclétien Diocleziano
Diocleciano Theodosius Théodose Justinian Justinien Giustiniano Justiniano Vitellius Vitellio Gallienus Gallieno
Maxentius Massenzio Vercingetorix Vercingétorix Vercingetorige Arminius Boudica Cleopatra Kleopatra Cléopâtre
Nefertiti Nofretete Akhenaten Echnaton Tutankhamun Tutanchamun Toutânkhamon Ramesses Ramsès Hatshepsut Hatschepsut
Nebuchadnezzar Nebukadnezar Nabuccodonosor Nabucodonosor Hammurabi Sargon Xerxes Serse Jerjes Artaxerxes Mithridates
Mitridate Alaric Alarich Odoacer Odoaker Theodoric Theoderich Théodoric Origène Origene Orígenes Tertullian
Tertullien Tertulliano Tertuliano Eusebius Lactantius Boethius Boèce Boezio Boecio Cassiodorus Cassiodor Cassiodoro
Plotinus Plotino Porphyry Proclus Proclo Hypatia Ipazia Agrippina Messalina Sejanus Seiano Pompey Pompeius Pompée
Pompeyo Aristophanès
"""
_FAITH = """
Moïse Mosè Moisés Jésus Gesù Christus Cristo Buddha Bouddha Mahomet Maometto Mahoma Confucius Konfuzius Confucio
Laozi Mencius Mencio Zarathustra Zoroaster Zoroastre Augustinus Aquinas Abelard Abélard Abelardo Luther Lutero
Zwingli Melanchthon Savonarola Salomón Nebukadnezar Barabbas Methuselah Nehemiah Hesekiel Ezechiele Ezequiel
Jeremias Geremia Jeremías Jesaja Isaïe Isaia Isaías Maimonides Maimonide Maïmonide Maimónides Avicenne Avicena
Averroes Averroès Averroè Nostradamus Rasputin Rasputín Raspoutine
"""
_RULERS = """
Charlemagne Carlomagno Clovis Clodoveo Barbarossa Saladin Saladino Suleiman Solimano Solimán Tamerlane Timur
Tamerlano Tamerlan Ashoka Kublai Montezuma Moctezuma Atahualpa Pachacuti Napoleon Napoléon Napoleone Napoleón
Bonaparte Metternich Talleyrand Robespierre Danton Marat Saint-Just Richelieu Mazarin Mazzarino Colbert Garibaldi
Mazzini Cavour Bolívar Bismarck Hindenburg Ludendorff Falkenhayn Moltke Clausewitz Scharnhorst Gneisenau Lenin
Lénine Stalin Staline Trotsky Trotzki Trotski Trockij Khrushchev Chruschtschow Chruščëv Khrouchtchev Jruschov
Brezhnev Breschnew Brežnev Brejnev Gorbachev Gorbatschow Gorbačëv Gorbatchev Gorbachov Yeltsin Jelzin Eltsin Poutine
Hitler Goebbels Himmler Göring Goering Mussolini Pétain Churchill Thatcher Adenauer Eisenhower Roosevelt Nixon
Reagan Gandhi Nehru Mandela Atatürk Cromwell Disraeli Gladstone Walpole Machiavelli Maquiavelo Sforza Gonzaga Borgia
Nobunaga Hideyoshi Ieyasu Wallenstein Rommel Guderian Zhukov Schukow Žukov Eichmann Mengele Bonnivard Vespucci
Magellano Magallanes Humboldt Columbus Kolumbus Amundsen Shackleton
"""
_LETTERS = """
Dante Petrarch Petrarca Pétrarque Boccaccio Boccace Ariosto Alfieri Foscolo Leopardi Manzoni D'Annunzio Pirandello
Ungaretti Montale Pasolini Sciascia Metastasio Goldoni Chaucer Shakespeare Dryden Defoe Coleridge Wordsworth Keats
Tennyson Dickens Thackeray Brontë Kipling Tolkien Orwell Huxley Yeats Beckett Poe Melville Thoreau Hemingway
Faulkner Steinbeck Lovecraft Asimov Goethe Schiller Lessing Klopstock Hölderlin Novalis Kleist Eichendorff Mörike
Heine Büchner Hebbel Fontane Brecht Kafka Rilke Böll Rabelais Montaigne Ronsard Corneille Molière Racine Voltaire
Diderot Rousseau Montesquieu Beaumarchais Chateaubriand Stendhal Balzac Flaubert Baudelaire Rimbaud Verlaine
Mallarmé Maupassant Proust Gide Valéry Apollinaire Céline Sartre Cervantes Quevedo Góngora Lorca Unamuno Neruda
Cortázar Pushkin Puschkin Puškin Pouchkine Gogol Tolstoy Tolstoi Tolstoj Tolstoï Dostoevsky Dostojewski Dostoevskij
Dostoïevski Turgenev Turgenjew Chekhov Tschechow Čechov Tchekhov Nabokov Solzhenitsyn Ibsen Strindberg Kierkegaard
Camões Pessoa
"""
_ARTS = """
Giotto Cimabue Duccio Masaccio Botticelli Mantegna Perugino Michelangelo Michel-Ange Titian Tizian Titien Tiziano
Tintoretto Giorgione Parmigianino Bronzino Pontormo Vasari Caravaggio Caravage Bernini Borromini Bramante
Brunelleschi Donatello Ghiberti Canova Cellini Tiepolo Canaletto Carracci Guercino Dürer Cranach Holbein Grünewald
Rubens Rembrandt Vermeer Brueghel Bruegel Memling Velázquez Velasquez Murillo Zurbarán Goya Poussin Watteau
Fragonard Delacroix Géricault Courbet Monet Renoir Degas Cézanne Gauguin Seurat Toulouse-Lautrec Rodin Matisse
Picasso Dalí Dali Miró Klimt Schiele Kokoschka Kandinsky Chagall Magritte Modigliani Mondrian Warhol Kahlo Hokusai
Hiroshige Utamaro Gropius Palestrina Monteverdi Vivaldi Scarlatti Corelli Albinoni Pergolesi Händel Handel Haydn
Mozart Beethoven Schubert Mendelssohn Brahms Bruckner Mahler Liszt Chopin Berlioz Bizet Gounod Debussy Saint-Saëns
Rossini Donizetti Verdi Puccini Leoncavallo Mascagni Paganini Smetana Dvořák Janáček Bartók Kodály Grieg Sibelius
Mussorgsky Tchaikovsky Tschaikowski Čajkovskij Tchaïkovski Borodin Rachmaninoff Rachmaninow Scriabin Prokofiev
Prokofjew Shostakovich Schostakowitsch Stravinsky Strawinsky Stravinskij Schönberg Schoenberg Stockhausen Hindemith
Purcell Elgar Rameau Couperin Lully Salieri Boccherini Hitchcock Fellini Kubrick Truffaut Godard Kurosawa Eisenstein
Fassbinder Chaplin Beyoncé Rihanna Shakira Björk Eminem Fedez Pelé Maradona Ronaldinho
"""
_SCIENCES = """
Copernicus Kopernikus Copernic Copernico Copérnico Keplero Galilei Galilée Leibniz Descartes Cartesio Spinoza Hobbes
Hume Kant Fichte Schelling Hegel Schopenhauer Nietzsche Marx Husserl Heidegger Wittgenstein Adorno Habermas
Horkheimer Foucault Derrida Deleuze Lacan Freud Piaget Durkheim Comte Bergson Erasmus Erasmo Paracelsus Paracelso
Vesalius Vesalio Linnaeus Linné Linneo Lamarck Cuvier Buffon Pasteur Einstein Heisenberg Schrödinger Oppenheimer
Feynman Lavoisier Priestley Mendeleev Mendelejew Berzelius Eulero Leibnitz Ramanujan Tartaglia Torricelli Huygens
Hevelius Herschel Campanella Gramsci Bakunin Kropotkin Keynes Malthus Chomsky Saussure Lévi-Strauss Tocqueville
Montessori Pestalozzi Freinet
"""
KNOWN = frozenset(" ".join((_ANTIQUITY, _FAITH, _RULERS, _LETTERS, _ARTS, _SCIENCES)).split())
"""Names that mean their bearer where they stand alone."""
